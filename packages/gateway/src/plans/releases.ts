/** What is to be undone when a plan is dropped: timers, connections. */
export class Releases {
  #releases: (() => void)[] = [];
  #over = false;

  /** What comes after the plan was dropped is undone at once: a request that was on its way has asked for it. */
  add(release: () => void): void {
    if (this.#over) release();
    else this.#releases.push(release);
  }

  /** Runs all of them, once; one that throws keeps none of the others from running. */
  run(onError: (error: unknown) => void): void {
    const releases = this.#releases;
    this.#releases = [];
    this.#over = true;
    for (const release of releases) {
      try {
        release();
      } catch (error) {
        onError(error);
      }
    }
  }
}
