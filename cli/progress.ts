// A progress bar for work that may take more than a second. Only where a person looks at a terminal; nothing otherwise.
import type { SingleBar } from "cli-progress";
import type { Terminal } from "./terminal.ts";

export interface Progress {
  update(done: number, total: number, remark?: string): void;
  stop(): void;
}

const silent: Progress = { update: () => {}, stop: () => {} };

export async function openProgress(io: Terminal, what: string): Promise<Progress> {
  if (!io.canDraw) return silent;
  const { default: progress } = await import("cli-progress");
  const format = `${what} {bar} {percentage}%  {remark}`;
  const settings = {
    format,
    stream: io.stderr as NodeJS.WritableStream,
    clearOnComplete: true,
    hideCursor: true,
    barsize: 24,
  };
  const line: SingleBar = new progress.SingleBar(settings, progress.Presets.shades_classic);
  let started = false;
  return {
    update: (done, total, remark = "") => {
      if (!started) line.start(total, done, { remark });
      else {
        line.setTotal(total);
        line.update(done, { remark });
      }
      started = true;
    },
    stop: () => {
      if (started) line.stop();
    },
  };
}
