// Package scene is what one snapshot shows to everything that follows the
// network from snapshot to snapshot: flights, movements, sectors, controllers.
package scene
