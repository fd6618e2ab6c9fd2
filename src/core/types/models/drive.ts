/** A partition or filesystem that would be lost when its drive is written. */
export interface DrivePartition {
  readonly path: string;
  readonly sizeBytes: number;
  readonly label?: string;
  readonly filesystem?: string;
  readonly mountpoints: readonly string[];
}

/** Why a drive may not be written: what its host does with it right now. */
export type DriveUse = 'system' | 'mounted' | 'swap' | 'raid' | 'lvm' | 'holder';

/** What tells one stick from another that was plugged into its place. */
export interface DriveIdentity {
  readonly path: string;
  readonly serial?: string;
  /** Name under /dev/disk/by-id, without the folder. */
  readonly byId?: string;
  readonly sizeBytes: number;
}

/** A whole disk of the daemon's host. */
export interface Drive extends DriveIdentity {
  readonly model?: string;
  readonly vendor?: string;
  /** Bus, such as `usb`, `sata`, `nvme`, `mmc`, `loop`, `virtio`. */
  readonly transport?: string;
  readonly removable: boolean;
  readonly readOnly: boolean;
  readonly logicalBlockBytes: number;
  readonly uses: readonly DriveUse[];
  readonly partitions: readonly DrivePartition[];
}

/** What `usb.service` was told about a path that was asked for. */
export type DriveLookup =
  | { readonly kind: 'drive'; readonly drive: Drive }
  | { readonly kind: 'partition'; readonly ofPath: string }
  | { readonly kind: 'not-block' }
  | { readonly kind: 'missing' };
