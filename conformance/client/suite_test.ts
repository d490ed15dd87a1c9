// The whole suite, in one module: what its parts share is made once. README.md says how to run it.

import "./tables.ts";
import "./rpcs.ts";
import "./pages.ts";
import { removeEverybody } from "./people.ts";
import { checkKnownDifferences } from "./test.ts";

checkKnownDifferences();
Deno.test.afterAll(removeEverybody);
