// The worker's own file, bundled by the tests.

import { start } from "./models.js";

start();
