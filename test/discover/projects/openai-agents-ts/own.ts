export function tool<T>(value: T): T {
  return value;
}
