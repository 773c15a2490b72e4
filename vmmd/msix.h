/* SPDX-License-Identifier: GPL-2.0 */
/*
 * MSI-X (PCI 3.0, 6.8.2), the part that only pci.c needs; devices use the
 * pci_msix_*() calls of pci.h.
 */
#ifndef VMMD_MSIX_H
#define VMMD_MSIX_H

struct pci_dev;

/** msix_config_written() - the guest wrote the capability; dev->lock held */
void msix_config_written(struct pci_dev *dev);

/** msix_reset() - all vectors masked, nothing pending, no irqfd */
void msix_reset(struct pci_dev *dev);

/** msix_free() - msix_reset() and free; fine without MSI-X */
void msix_free(struct pci_dev *dev);

#endif /* VMMD_MSIX_H */
