import { fileURLToPath } from 'node:url'
import type { DataDirectory } from './data-directory.ts'
import { discussionLines } from './import/discussion-lines.ts'
import { ImportClient } from './import/import-client.ts'
import { importFile } from './import/import-file.ts'
import type { PartState } from './part.ts'

/** Discussions in our own words, in the format of the import, with every odd case of real data. */
export const sampleFile = fileURLToPath(
  new URL('../fixtures/discussions-sample.jsonl', import.meta.url),
)

const doneMarker = 'sample-data.json'

/** Imports the sample once per data folder, by the same door as any import. */
export async function loadSampleData(
  directory: DataDirectory,
  gatewayUrl: string,
  onChange: (state: PartState, detail: string) => void,
): Promise<void> {
  if (await directory.has(doneMarker)) return onChange('ready', 'loaded earlier')
  onChange('starting', 'importing')
  const client = new ImportClient({ gatewayUrl, token: await directory.importToken() })
  const result = await importFile({ path: sampleFile, sender: discussionLines(client) })
  await directory.writeJson(doneMarker, {
    created: result.created,
    exists: result.exists,
    refused: result.refused,
  })
  onChange('ready', `${result.created + result.exists} lines of discussions`)
}
