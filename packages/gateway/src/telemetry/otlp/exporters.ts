import type { OtlpSettings } from '../../resources/settings.ts';
import type { PendingExporter } from './batch.ts';

/** What the exporters of one worker share. */
export class Exporters {
  readonly settings: OtlpSettings;
  /** Those that hold something that is not handed over yet. */
  readonly pending = new Set<PendingExporter>();

  constructor(settings: OtlpSettings) {
    this.settings = settings;
  }

  /** Hands over what all of them hold, within so many milliseconds, and ends them. */
  async close(within: number): Promise<void> {
    await Promise.all([...this.pending].map((exporter) => exporter.close(within)));
  }
}
