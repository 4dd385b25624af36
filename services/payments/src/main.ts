import { runService } from '@millrace/runtime'
import { paymentsService } from './service.ts'

await runService(paymentsService)
