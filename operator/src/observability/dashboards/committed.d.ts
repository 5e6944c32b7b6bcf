/** The files of `config/dashboards`, in the order in which people read them. */
export declare const committed: readonly { readonly uid: string; readonly title: string }[];
