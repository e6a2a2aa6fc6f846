// Steps of a script that a check runs outside of the suite: a line for each, and the counts at the end.

export class Steps {
  #passed = 0;
  #failed = 0;

  readonly step = async (name: string, work: () => Promise<void> | void): Promise<void> => {
    try {
      await work();
      this.#passed++;
      console.log(`ok   ${name}`);
    } catch (error) {
      this.#failed++;
      console.log(`FAIL ${name}\n${error instanceof Error ? error.stack : String(error)}`);
    }
  };

  /** Says how many there were; the process then ends with 1 where one failed, or none passed. */
  end(): void {
    console.log(`${this.#passed} passed, ${this.#failed} failed`);
    process.exitCode = this.#failed === 0 && this.#passed > 0 ? 0 : 1;
  }
}
