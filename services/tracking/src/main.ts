import { runService } from '@millrace/runtime'
import { trackingService } from './service.ts'

await runService(trackingService)
