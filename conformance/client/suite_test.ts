// The whole suite, in one module: what its parts share is made once. README.md says how to run it.

import "./tables.ts";
import "./rpcs.ts";
import "./auth_accounts.ts";
import { testReuse } from "./auth_sessions.ts";
import "./embedding.ts";
import "./gateway.ts";
import "./pages.ts";
import "./reading.ts";
import "./realtime.ts";
import "./refusals.ts";
import "./writing.ts";
import { testLinking } from "./linking.ts";
import { removeEverybody } from "./people.ts";
import { checkKnownDifferences } from "./test.ts";

testReuse();
testLinking();
checkKnownDifferences();
Deno.test.afterAll(removeEverybody);
