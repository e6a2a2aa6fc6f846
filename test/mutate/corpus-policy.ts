// The policy that the saved requests are judged by. It stays as it is: what is saved is judged by it alone.
export const policyFor = `
agent "pay" {
  default deny
  deny stripe/* if amount > 500
  permit stripe/refund if amount <= 500 and currency in ["USD", "EUR"] and not (note contains "secret")
  defer stripe/refund if items contains 2
  permit mail/send if to matches "^[a-z]+@example[.]com$" and cc contains "a"
  defer mail/send if urgent
}
`;
