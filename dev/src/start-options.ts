import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, Option } from 'commander'

/** The repository, where `.millrace` lies unless told otherwise. */
export const repositoryRoot = fileURLToPath(new URL('../../', import.meta.url))

export interface StartOptions {
  readonly data: string
  readonly fresh: boolean
  readonly processes: boolean
  readonly anyPorts: boolean
  readonly json: boolean
  readonly open: boolean
  readonly sampleData: boolean
  readonly mode: 'development' | 'production'
  readonly logLevel: string
}

/** Reads the command line; `--help` and unknown options end the process with a sentence. */
export function parseStartOptions(): StartOptions {
  const mode = new Option(
    '--mode <mode>',
    'production asks people to sign in, refuses the demo session, and begins without sample data; FIRST_ADMIN_EMAIL and FIRST_ADMIN_PASSWORD make the first admin',
  )
  const logLevel = new Option('--log-level <level>', 'of the services')
  return new Command()
    .name('npm start --')
    .description(
      'Starts Postgres, the broker, all services and the web app.\nDATABASE_URL and KAFKA_BROKERS name servers of your own instead; KAFKA_ENABLED=false stops publishing. With ARCHIVE_DIRECTORY old days of the event logs go to files there.',
    )
    .option('--data <folder>', 'where all data is kept', join(repositoryRoot, '.millrace'))
    .option('--fresh', 'remove the data of earlier starts first', false)
    .option('--processes', 'one process per service instead of one for all', false)
    .option('--any-ports', 'any free ports instead of the usual ones', false)
    .option('--json', 'one JSON object per line instead of text', false)
    .option('--open', 'open the page in a browser', false)
    .option('--no-sample-data', 'start without the sample discussions')
    .addOption(mode.choices(['development', 'production']).default('development'))
    .addOption(logLevel.choices(['debug', 'info', 'warn', 'error']).default('info'))
    .parse()
    .opts<StartOptions>()
}
