import type { LogFields, Logger } from '@millrace/core'

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: LogFields
}

/** A logger that keeps its lines, for tests. */
export function recordingLogger(): { readonly logger: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = []
  const write =
    (level: LogLine['level'], base: LogFields) =>
    (message: string, fields: LogFields = {}): void => {
      lines.push({ level, message, fields: { ...base, ...fields } })
    }
  const withFields = (base: LogFields): Logger => ({
    debug: write('debug', base),
    info: write('info', base),
    warn: write('warn', base),
    error: write('error', base),
    child: (fields) => withFields({ ...base, ...fields }),
  })
  return { logger: withFields({}), lines }
}
