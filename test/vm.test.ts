// The virtual machine on the release build.

import { instructionTests, useBuild } from "./vm-instructions.js";
import { modelTests } from "./vm-models.js";

useBuild("release");
instructionTests("release");
modelTests("release");
