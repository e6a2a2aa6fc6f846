export function loadTools() {
  return JSON.parse(process.env.TOOLS ?? "{}");
}
