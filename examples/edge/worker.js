// A Worker that decides the calls posted to it: `faramesh build --target worker --out policy.js` makes what it imports.
import { decide } from "./policy.js";

export default {
  async fetch(request) {
    const call = await request.json().catch(() => ({}));
    const verdict = decide(call, { now: Date.now() });
    return Response.json(verdict, { status: verdict.effect === "permit" ? 200 : 403 });
  },
};
