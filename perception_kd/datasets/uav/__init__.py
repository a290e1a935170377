"""Pictures and videos of small drones: public formats, one COCO-video form of them, and the data set over it."""
