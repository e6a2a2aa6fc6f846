/** Writes evaluator.js, small.js, host.js, worker.js and explainer.js into a folder. */
export function buildEvaluator(outdir: string): Promise<void>;
