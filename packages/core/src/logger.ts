/** Values of a log line, named as in the style guide: `topic`, `partition`, `offset`, `groupId`, `eventId`, `correlationId`. */
export type LogFields = Readonly<Record<string, unknown>>

/** One event per line: a constant message, the values as fields. Errors go under `error`. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  child(fields: LogFields): Logger
}

/** Drops everything. The default where a library is used without a logger. */
export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
}
