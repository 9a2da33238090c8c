/** The name by which apps find this distributor. */
export const busName = 'org.unifiedpush.Distributor.mailpush';
