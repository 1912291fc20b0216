/** Code that is loaded while the gateway goes on: nobody waits for it but who needs it before it is there. */
export class Late<T> {
  /** Null until it is loaded. */
  value: T | null = null;
  readonly loading: Promise<T>;

  constructor(load: () => Promise<T>) {
    this.loading = load().then((value) => {
      this.value = value;
      return value;
    });
  }
}
