import type { LogFields, Logger } from '@millrace/core'
import { pino, type Logger as PinoLogger } from 'pino'

export interface LoggerOptions {
  /** Goes out with every line as `service`. */
  readonly service: string
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** Where lines go; standard output by default. */
  readonly destination?: { write(line: string): void }
}

/** JSON lines through pino: `{level, time, service, …fields, message}`. Writes are synchronous, so a killed process loses none. */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    base: { service: options.service },
    messageKey: 'message',
    errorKey: 'error',
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return adapt(pino(settings, options.destination ?? standardOutput()))
}

let output: ReturnType<typeof pino.destination> | undefined

/** One destination for all services of the process. When whoever reads it went away, log lines are lost but the work goes on. */
function standardOutput(): ReturnType<typeof pino.destination> {
  if (!output) {
    output = pino.destination({ dest: 1, sync: true })
    output.on('error', () => {})
  }
  return output
}

function adapt(target: PinoLogger): Logger {
  return {
    debug: (message, fields) => target.debug(fields ?? {}, message),
    info: (message, fields) => target.info(fields ?? {}, message),
    warn: (message, fields) => target.warn(fields ?? {}, message),
    error: (message, fields) => target.error(fields ?? {}, message),
    child: (fields: LogFields) => adapt(target.child(fields)),
  }
}
