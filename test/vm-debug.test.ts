// The virtual machine on the debug build, whose assertions are on.

import { instructionTests, useBuild } from "./vm-instructions.js";

useBuild("debug");
instructionTests("debug");
