/** What each stream thread, a worker, loads: the topology of the job that its process was given. */
import type { StreamsJob } from './job.ts'
import { benchTopology } from './topologies.ts'

export default benchTopology(JSON.parse(process.env['STREAMS_JOB'] ?? '') as StreamsJob)
