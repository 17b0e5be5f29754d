// The virtual machine on the debug build, whose assertions are on.

import { instructionTests, useBuild } from "./vm-instructions.js";
import { modelTests } from "./vm-models.js";

useBuild("debug");
instructionTests("debug");
modelTests("debug");
