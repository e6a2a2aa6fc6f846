// Holds a host to the golden answers: the same code in every host. It needs JSON and an evaluator, and nothing of Node's.

/** The room for counters with which the answers were made. */
const meterCapacity = 1024;
const shownMax = 3;

/**
 * `evaluator`: loadPolicySync of the package under trial, and LoadFailure. `modules`: built policies by name, compiled.
 * Returns how many answers were compared and what differed.
 */
export function check(vectors, evaluator, modules = {}) {
  const wrong = [];
  let compared = 0;
  for (const { name, image, histories } of vectors) {
    const bytes = Uint8Array.from(atob(image), (character) => character.charCodeAt(0));
    const opened = [() => evaluator.loadPolicySync(bytes, { state: "volatile", meterCapacity })];
    const built = modules[name];
    if (built !== undefined) opened.push(() => evaluator.loadPolicySync(built, { state: "volatile" }));
    for (const open of opened) {
      for (const { steps, answers } of histories) {
        const found = answersOf(open(), steps);
        compared += answers.length;
        answers.forEach((answer, i) => {
          if (answer !== found[i]) wrong.push(`${name}, step ${i}: expected ${answer}, found ${found[i]}`);
        });
      }
    }
  }
  wrong.push(...refusalsMissed(vectors[0], evaluator));
  return { compared, wrong: wrong.length, shown: wrong.slice(0, shownMax) };
}

function answersOf(policy, steps) {
  const answer = ({ request, now = 0, approved, activate, move, session }) => {
    if (activate !== undefined) return policy.activatePhases(activate);
    if (session !== undefined) return policy.session(session.op, session, { now });
    if (move !== undefined) return policy.movePhase(move, { now });
    return policy.decide(request, { now, approved });
  };
  return [...steps.map((step) => JSON.stringify(answer(step))), policy.stateHash()];
}

/** A changed image is refused everywhere. */
function refusalsMissed({ image }, { loadPolicySync, LoadFailure }) {
  const bytes = Uint8Array.from(atob(image), (character) => character.charCodeAt(0));
  bytes[bytes.length - 1] ^= 1;
  try {
    loadPolicySync(bytes);
  } catch (error) {
    if (error instanceof LoadFailure && error.code === "BAD_DIGEST") return [];
  }
  return ["a changed image was not refused"];
}
