type Details = Readonly<Record<string, string | number | boolean>>;

/** What an agent tells whoever keeps its log. */
export interface Log {
  info(text: string, details?: Details): void;
  warn(text: string, details?: Details): void;
  error(text: string, details?: Details): void;
}

/** One JSON object a line to stderr, which the journal keeps: a library for this would be a tenth of the agent’s memory. */
export const stderrLog: Log = {
  info: (text, details) => line('info', text, details),
  warn: (text, details) => line('warn', text, details),
  error: (text, details) => line('error', text, details),
};

function line(level: string, msg: string, details: Details = {}): void {
  process.stderr.write(
    `${JSON.stringify({ level, time: new Date().toISOString(), ...details, msg })}\n`,
  );
}
