/** Series by their text, such as `http_requests_total{method="GET",endpoint="/v1/nodes",status="200"}`, and what they stand at. */
export interface Scraped {
  readonly text: string;
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
  /** All series of a metric. */
  series(
    name: string,
  ): readonly { readonly labels: Record<string, string>; readonly value: number }[];
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** Reads the text format of Prometheus, as far as the tests look into it. */
export function parseMetrics(text: string): Scraped {
  const all = text.split('\n').flatMap((line) => {
    const [, name, labels = '', value] = LINE.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(LABEL)].map((match): [string, string] => [
      match[1] ?? '',
      match[2] ?? '',
    ]);
    return [{ name, labels: Object.fromEntries<string>(pairs), value: Number(value) }];
  });
  const series = (name: string) => all.filter((one) => one.name === name);
  return {
    text,
    series,
    value: (name, labels = {}) =>
      series(name).find((one) =>
        Object.entries(labels).every(([label, wanted]) => one.labels[label] === wanted),
      )?.value,
  };
}

/** Asks a daemon for its metrics, as Prometheus does. */
export async function scrape(opsUrl: string): Promise<Scraped> {
  const response = await fetch(`${opsUrl}/metrics`);
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}.`);
  return parseMetrics(await response.text());
}
