import { runService } from '@millrace/runtime'
import { stockService } from './service.ts'

await runService(stockService)
