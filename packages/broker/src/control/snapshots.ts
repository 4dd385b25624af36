import { constants, cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { BrokerError } from '../errors.ts'

/** Belongs to the process that runs on the directory, not to its data. */
const NOT_DATA = new Set(['broker.lock'])

/**
 * Copies a data directory, which must not change meanwhile: the broker calls it between two requests. The target appears whole or not at
 * all; where the file system can, its files share their blocks with the source until one of them changes.
 * @throws BrokerError `MR_BROKER_BAD_SNAPSHOT`
 */
export function copyDataDirectory(from: string, to: string): void {
  if (!existsSync(join(from, 'journal')))
    throw badSnapshot(`"${from}" holds no data directory of a broker`, { from, to })
  const present = existsSync(to) ? readdirSync(to).filter((name) => !NOT_DATA.has(name)) : []
  if (present.length > 0)
    throw badSnapshot(`"${to}" is not empty (${present.slice(0, 3).join(', ')})`, { from, to })
  mkdirSync(to, { recursive: true })
  const partial = join(to, '.copying')
  try {
    cpSync(from, partial, {
      recursive: true,
      mode: constants.COPYFILE_FICLONE,
      filter: (path) => !NOT_DATA.has(basename(path)),
    })
    for (const name of readdirSync(partial)) renameSync(join(partial, name), join(to, name))
  } catch (error) {
    throw badSnapshot(`"${from}" could not be copied to "${to}"`, { from, to }, error)
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
}

function badSnapshot(text: string, details: Record<string, string>, cause?: unknown): BrokerError {
  return new BrokerError(
    'MR_BROKER_BAD_SNAPSHOT',
    `${text}. Nothing was changed there; name another directory.`,
    details,
    cause === undefined ? {} : { cause },
  )
}
