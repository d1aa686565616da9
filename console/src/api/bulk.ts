/** Many devices at once: import and actions, as mutations. */
import { useMutation } from "@connectrpc/connect-query";
import { BulkService } from "../gen/millwright/device/v1/bulk_pb";
import { refreshJobs } from "./job";

export { BulkAction, type ImportResponse } from "../gen/millwright/device/v1/bulk_pb";

/** What the server takes, in bytes. */
export const mostBytes = 7_340_032;

export const usePreviewImport = () => useMutation(BulkService.method.import);
export const useImport = () => useMutation(BulkService.method.import, { onSuccess: refreshJobs });
export const useAct = () => useMutation(BulkService.method.act, { onSuccess: refreshJobs });
