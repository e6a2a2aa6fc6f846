// Sends one mail after the other through the servers that it is given, in a process of its own: Node reads further authorities at its
// start only. Prints what became of each as JSON.
import { deliver } from "../../../runtime/alerts/deliver.ts";

const told = {
  id: "action-1-deny",
  alert: { event: "deny", tool: "x" },
  secret: "",
  nowSeconds: 0,
  allowPrivate: true,
};
const outcomes: (string | null)[] = [];
for (const url of process.argv.slice(2)) {
  outcomes.push(await deliver({ form: "email", url, from: "daemon@example.com", to: "ops@example.com" }, told, 30_000));
}
process.stdout.write(JSON.stringify(outcomes));
