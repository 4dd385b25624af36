import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { uuidv7 } from '@millrace/core'
import { startPostgres, type EmbeddedPostgres } from '@millrace/embedded'
import type { TestDatabase } from '@millrace/embedded/testing'
import { ensureDatabase, withDatabaseName } from '@millrace/postgres'
import { freePorts } from '@millrace/testkit'

/** A Postgres of one test alone, on data that outlive it: it can be killed and started again, on the same port. */
export class ShopPostgres implements AsyncDisposable {
  readonly #dir: string
  readonly #port: number
  #server: EmbeddedPostgres

  private constructor(dir: string, port: number, server: EmbeddedPostgres) {
    this.#dir = dir
    this.#port = port
    this.#server = server
  }

  static async open(): Promise<ShopPostgres> {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-test-shop-postgres-'))
    // mkdtemp makes it 0700; where we are root the server runs as somebody else and must get through.
    await chmod(dir, 0o755)
    const [port = 0] = await freePorts(1)
    try {
      return new ShopPostgres(dir, port, await start(dir, port))
    } catch (error) {
      await rm(dir, { recursive: true, force: true })
      throw error
    }
  }

  /** A fresh database; it goes with the server. */
  readonly newDatabase = async (): Promise<TestDatabase> => {
    const name = `test_${uuidv7().replaceAll('-', '')}`
    await ensureDatabase(this.#server.url, name)
    const url = withDatabaseName(this.#server.url, name)
    return { url, [Symbol.asyncDispose]: () => Promise.resolve() }
  }

  /** SIGKILL of the postmaster; resolves when it is gone. Its backends end by themselves, or at the next start. */
  async kill(): Promise<void> {
    this.#server.kill()
    await this.#server.exited
  }

  /** After a kill: recovers what was committed, and resolves once it takes connections. */
  async restart(): Promise<void> {
    this.#server = await start(this.#dir, this.#port)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop()
    await rm(this.#dir, { recursive: true, force: true })
  }
}

/** Without fsync: what a killed process had written is with the operating system, which lives. Full pages stay on, for half of one may be written. */
function start(dir: string, port: number): Promise<EmbeddedPostgres> {
  return startPostgres({
    dir,
    port,
    settings: { fsync: 'off', max_wal_size: '256MB' },
    startTimeoutMs: 120_000,
  })
}
