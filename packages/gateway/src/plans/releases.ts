/** What is to be undone when a plan is dropped: timers, connections. */
export class Releases {
  #releases: (() => void)[] = [];

  add(release: () => void): void {
    this.#releases.push(release);
  }

  /** Runs all of them, once; one that throws keeps none of the others from running. */
  run(onError: (error: unknown) => void): void {
    const releases = this.#releases;
    this.#releases = [];
    for (const release of releases) {
      try {
        release();
      } catch (error) {
        onError(error);
      }
    }
  }
}
