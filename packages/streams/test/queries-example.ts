import { longSerde, startQueryServer, stringSerde, type StreamsApp } from '@millrace/streams'

/** Before `start`, so that the group is told where this instance answers. */
export async function startWithQueries(app: StreamsApp, port: number) {
  const server = await startQueryServer({ app, port })
  await app.start()
  return server
}

/** Counts of the words from `first` to `last`, whichever instances have them. */
export async function countsBetween(app: StreamsApp, first: string, last: string) {
  const counts = app.store('counts', {
    type: 'keyValue',
    key: stringSerde,
    value: longSerde,
    scope: 'application',
  })
  const rows: [word: string, count: number][] = []
  for await (const row of counts.range(first, last, { isSorted: true })) rows.push(row)
  return rows
}
