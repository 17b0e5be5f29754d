// The bytes of the core, inlined as text. Node's bundle has another such file in its place (scripts/build.mjs).

import { coreText, textDecoder } from "./generated/core.js";
import { decode } from "./text.js";

export const coreBytes = (): Uint8Array<ArrayBuffer> => decode(coreText, textDecoder);
