import type { Connection as DriverConnection, Submittable } from 'pg'
import type { Connection } from '../connection.ts'
import { toPostgresError } from '../errors.ts'

/** What the driver calls on a statement of its own kind; see its `client.js`. */
interface CopyStatement extends Submittable {
  callback?: unknown
  handleError(error: Error): void
  handleCommandComplete(message: { readonly text: string }): void
  handleReadyForQuery(): void
  handleCopyInResponse(connection: CopyWire): void
  handleCopyData(message: { readonly chunk: Buffer }, connection: CopyWire): void
  handleRowDescription(): void
  handleDataRow(): void
  handleEmptyQuery(): void
}

interface CopyWire extends DriverConnection {
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
  sendCopyFail(message: string): void
}

/** The end of a COPY: rows by the server's count. Nothing else may run on the connection meanwhile. */
function runCopy(
  connection: Connection,
  text: string,
  handlers: Pick<CopyStatement, 'handleCopyInResponse' | 'handleCopyData'>,
): Promise<bigint> {
  const { promise, resolve, reject } = Promise.withResolvers<bigint>()
  let fault: Error | undefined
  let rowCount = 0n
  const onEnd = (): void => reject(toPostgresError(new Error('Connection terminated during COPY')))
  connection.client.once('end', onEnd)
  const statement: CopyStatement = {
    ...handlers,
    submit: (wire) => wire.query(text),
    handleError: (error) => {
      fault ??= error
      // The server's errors are followed by a ready; those of a broken connection are not.
      if (!('severity' in error)) reject(toPostgresError(error))
    },
    handleCommandComplete: (message) => {
      rowCount = BigInt(/^COPY (\d+)$/.exec(message.text)?.[1] ?? 0)
    },
    handleReadyForQuery: () => {
      if (fault) reject(toPostgresError(fault))
      else resolve(rowCount)
    },
    handleRowDescription: () => {},
    handleDataRow: () => {},
    handleEmptyQuery: () => {},
  }
  connection.client.query(statement)
  return promise.finally(() => connection.client.removeListener('end', onEnd))
}

/**
 * `COPY … TO STDOUT`: each chunk goes to `write`; while the promise it may answer is open the server is not read from.
 * @returns the number of rows
 */
export async function copyOut(
  connection: Connection,
  text: string,
  write: (chunk: Buffer) => Promise<void> | undefined,
): Promise<bigint> {
  let fault: unknown
  const rowCount = await runCopy(connection, text, {
    handleCopyInResponse: (wire) => wire.sendCopyFail('this is a COPY TO STDOUT'),
    handleCopyData: ({ chunk }, { stream }) => {
      if (fault !== undefined) return
      // The driver goes on using the memory behind `chunk`.
      const full = write(Buffer.from(chunk))
      if (!full) return
      stream.pause()
      full.then(
        () => stream.resume(),
        (error: unknown) => {
          // What is left is read and dropped: a COPY cannot be stopped but by ending its connection.
          fault ??= error
          stream.destroy()
        },
      )
    },
  }).catch((error: unknown) => {
    throw fault ?? error
  })
  if (fault !== undefined) throw fault
  return rowCount
}

/** `COPY … FROM STDIN` with what `source` gives. @returns the number of rows */
export function copyIn(
  connection: Connection,
  text: string,
  source: AsyncIterable<Buffer>,
): Promise<bigint> {
  let fault: unknown
  const pump = async (wire: CopyWire): Promise<void> => {
    try {
      for await (const chunk of source) {
        wire.sendCopyFromChunk(chunk)
        if (wire.stream.writableNeedDrain)
          await new Promise<void>((resolve) => {
            wire.stream.once('drain', resolve)
            wire.stream.once('close', resolve)
          })
        if (wire.stream.destroyed) return
      }
      wire.endCopyFrom()
    } catch (error) {
      fault = error
      wire.sendCopyFail('its source failed')
    }
  }
  return runCopy(connection, text, {
    handleCopyInResponse: (wire) => void pump(wire),
    handleCopyData: () => {},
  }).catch((error: unknown) => {
    throw fault ?? error
  })
}
