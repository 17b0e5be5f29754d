// The virtual machine on the release build.

import { instructionTests, useBuild } from "./vm-instructions.js";

useBuild("release");
instructionTests("release");
