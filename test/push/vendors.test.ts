// The push room against strict stubs at the vendors' own names and port. Each file runs inside a namespace of its own.
import { reportTestsInVendorNamespace } from './vendorNames.ts'

await reportTestsInVendorNamespace('./test/push/insideNamespace/apns.ts')
await reportTestsInVendorNamespace('./test/push/insideNamespace/apnsConnection.ts')
await reportTestsInVendorNamespace('./test/push/insideNamespace/fcm.ts')
await reportTestsInVendorNamespace('./test/push/insideNamespace/pusher.ts')
