// The push room against strict stubs at the vendors' own names and port. Each file runs inside a namespace of its own.
import { expectTestsPassInVendorNamespace } from './vendorNames.ts'

await expectTestsPassInVendorNamespace('./test/push/insideNamespace/apns.ts')
await expectTestsPassInVendorNamespace('./test/push/insideNamespace/apnsConnection.ts')
await expectTestsPassInVendorNamespace('./test/push/insideNamespace/fcm.ts')
await expectTestsPassInVendorNamespace('./test/push/insideNamespace/pusher.ts')
