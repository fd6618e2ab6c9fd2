/** One point as InfluxDB takes it. Tags and fields have keys of the program; the values of tags come from elsewhere. */
export interface Point {
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, number>>;
  readonly at: Date;
}

/**
 * A line of InfluxDB's line protocol, times in milliseconds
 * (https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/). Every field is a float, for a field keeps the type
 * that it had first. Undefined for a point without a field, which there cannot be.
 */
export function lineOf({ measurement, tags, fields, at }: Point): string | undefined {
  const values = Object.entries(fields).filter(([, value]) => Number.isFinite(value));
  if (values.length === 0) return undefined;
  const head = [
    measurement,
    ...Object.entries(tags).flatMap(([key, value]) => {
      const text = tagValue(value);
      return text === '' ? [] : [`${key}=${text}`];
    }),
  ];
  return `${head.join(',')} ${values.map(([key, value]) => `${key}=${value}`).join(',')} ${at.getTime()}`;
}

/**
 * Without what would end the line, and with a slash for a backslash: at the end of a value it would be taken to escape what follows, and
 * there is no way to write it there.
 */
function tagValue(value: string): string {
  return value
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '')
    .replaceAll('\\', '/')
    .replaceAll(/[,= ]/g, String.raw`\$&`);
}
