// The virtual machine on the relaxed build, which fuses products and sums.

import { instructionTests, useBuild } from "./vm-instructions.js";
import { modelTests } from "./vm-models.js";

useBuild("relaxed");
instructionTests("relaxed");
modelTests("relaxed");
