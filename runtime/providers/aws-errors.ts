// What an error of AWS's client means for who set the provider up, by its name alone.
import { TooLate } from "../outgoing/checked.ts";
import { NotSent } from "../outgoing/smithy.ts";
import { type FailureCode, ProviderFailure } from "./provider.ts";

/** Of the service's errors, and of the client's. */
const errorWords: ReadonlyMap<string, readonly [FailureCode, string]> = new Map([
  ["ResourceNotFoundException", ["NOT_FOUND", "the secret is not there"]],
  ["AccessDeniedException", ["REFUSED", "its credentials may not read the secret"]],
  ["DecryptionFailure", ["REFUSED", "the secret cannot be decrypted with its key"]],
  ["DecryptionFailureException", ["REFUSED", "the secret cannot be decrypted with its key"]],
  ["InvalidRequestException", ["REFUSED", "the secret cannot be read as it is: it may be marked for deletion"]],
  ["InvalidParameterException", ["REFUSED", "the path is no secret's"]],
  ["ValidationException", ["REFUSED", "the path is no secret's"]],
  ["UnrecognizedClientException", ["REFUSED", "its access key is not known"]],
  ["InvalidClientTokenId", ["REFUSED", "its access key is not known"]],
  ["InvalidSignatureException", ["REFUSED", "its signature is refused: the secret key is wrong, or the clock is"]],
  ["IncompleteSignature", ["REFUSED", "its signature is refused: the secret key is wrong, or the clock is"]],
  ["ExpiredTokenException", ["REFUSED", "its credentials have expired"]],
  ["ThrottlingException", ["BUSY", "it is asked more often than it allows"]],
  ["TooManyRequestsException", ["BUSY", "it is asked more often than it allows"]],
  ["LimitExceededException", ["BUSY", "it is asked more often than it allows"]],
  ["InternalServiceError", ["UNREACHABLE", "it has an error of its own"]],
  ["InternalServiceErrorException", ["UNREACHABLE", "it has an error of its own"]],
  [
    "CredentialsProviderError",
    ["REFUSED", "no credentials are to be had: set `access_key_id`, or the daemon's environment"],
  ],
] as const);

/** Shown by the error's name alone. What the client's messages say may name what was asked for, and what was sent. */
export function failureOf(error: unknown): Error {
  if (error instanceof TooLate) return new ProviderFailure("LATE", error.message);
  if (!(error instanceof Error) || error instanceof ProviderFailure) return error as Error;
  if (error instanceof NotSent)
    return new ProviderFailure(error.message.startsWith("no answer") ? "LATE" : "UNREACHABLE", error.message);
  const known = errorWords.get(error.name);
  if (known !== undefined) return new ProviderFailure(known[0], known[1]);
  const status: unknown = Reflect.get(Object(Reflect.get(error, "$metadata")), "httpStatusCode");
  if (typeof status === "number") {
    const code = status >= 500 ? "UNREACHABLE" : status === 200 ? "BAD_ANSWER" : "REFUSED";
    return new ProviderFailure(code, status === 200 ? "its answer cannot be read" : `the answer was ${status}`);
  }
  return error;
}
