import type { OtlpSettings } from '../../resources/settings.ts';

/** Milliseconds in which an exporter hands over what it has when its policy goes. */
const releaseWithin = 10_000;

/** What is flushed at the end. */
interface Exporter {
  close(within: number): Promise<void>;
}

/** The open exporters of one worker, so that what they hold is not lost at the end. */
export class Exporters {
  readonly settings: OtlpSettings;
  readonly #open = new Set<Exporter>();

  constructor(settings: OtlpSettings) {
    this.settings = settings;
  }

  /** @returns what is to be called when the exporter's policy goes: it hands over what it has and ends. */
  add(exporter: Exporter): () => void {
    this.#open.add(exporter);
    return () => void exporter.close(releaseWithin).finally(() => this.#open.delete(exporter));
  }

  /** Hands over what all of them have, within so many milliseconds, and ends them. */
  async close(within: number): Promise<void> {
    await Promise.all([...this.#open].map((exporter) => exporter.close(within)));
    this.#open.clear();
  }
}
