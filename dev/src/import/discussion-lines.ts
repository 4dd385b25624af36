import type { ImportDoor } from './import-client.ts'
import type { LineResult, LineSender } from './import-file.ts'

/** Lines of discussions go to one service as they are. */
export function discussionLines(client: ImportDoor): LineSender {
  return {
    send: (lines) => client.send<LineResult>('/api/discussions/import', { lines }),
  }
}
