/** Writes evaluator.js and host.js into a folder. */
export function buildEvaluator(outdir: string): Promise<void>;
