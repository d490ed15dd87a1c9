// The names that the pages' code takes as given.

import type { Session, SupabaseClient, User } from "@supabase/supabase-js";
import type { Database } from "../../supabase/functions/_shared/database.types.ts";

export interface Given {
  /** A client that somebody has signed in with. */
  supabase: SupabaseClient<Database>;
  /** Their session, as it is after a sign-in with a provider. */
  session: Session;
  user: User;
  /** Which of their devices this is. */
  deviceId: string;
  /** What an app does with what it hears. */
  showTyping: (on: boolean) => void;
  showDevices: (devices: Record<string, unknown>) => void;
  /** Where the worker listens. */
  worker: string;
  /** The browser's: to set `href` is to leave. */
  location: { readonly origin: string; readonly search: string; href: string };
  fetch: typeof fetch;
}
