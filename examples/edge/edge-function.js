// An edge function in the manner of service workers; bundled with what `faramesh build --target esm --out policy.mjs` makes.
import { decide } from "./policy.mjs";

export function handle(call) {
  const { effect, code } = decide(call, { now: Date.now() });
  return { status: effect === "permit" ? 200 : 403, body: code };
}
