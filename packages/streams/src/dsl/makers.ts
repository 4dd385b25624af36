import type { GroupedParts, KGroupedStream } from './k-grouped-stream.ts'
import type { GroupedTableParts, KGroupedTable } from './k-grouped-table.ts'
import type { KStream, StreamParts } from './k-stream.ts'
import type { KTable, TableParts } from './k-table.ts'

/**
 * Makes the objects of the DSL. Streams make tables and tables make streams; through this neither has to import the other, and the one
 * place that knows them all is the builder.
 */
export interface Makers {
  stream<K, V>(parts: StreamParts<K, V>): KStream<K, V>
  table<K, V>(parts: TableParts<K, V>): KTable<K, V>
  groupedStream<K, V>(parts: GroupedParts<K, V>): KGroupedStream<K, V>
  groupedTable<K, V>(parts: GroupedTableParts<K, V>): KGroupedTable<K, V>
}
